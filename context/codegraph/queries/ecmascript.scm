; What JavaScript and TypeScript have in common.

(class_declaration name: (_) @name body: (_) @body) @class
(export_statement declaration: (class_declaration name: (_) @name body: (_) @body)) @class
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: (class body: (_) @body)) @class

(function_declaration name: (identifier) @name body: (_) @body) @function
(generator_function_declaration name: (identifier) @name body: (_) @body) @function
(variable_declarator
  name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) @function
(assignment_expression
  left: (member_expression
    object: [(identifier) (member_expression)] @owner
    property: [(property_identifier) (private_property_identifier)] @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function
(method_definition name: [(property_identifier) (private_property_identifier)] @name body: (_) @body) @method
(pair
  key: (property_identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @property
[(arrow_function) (function_expression) (generator_function) (class_static_block)] @scope

(variable_declarator name: (identifier) @name value: (_)? @value) @variable
(assignment_expression
  left: (member_expression
    object: (this) @owner
    property: [(property_identifier) (private_property_identifier)] @name)
  right: (_) @value) @attribute

(function_expression name: (identifier) @local)
(arrow_function parameter: (identifier) @local)
(catch_clause parameter: (identifier) @local)
(for_in_statement left: (identifier) @local)
(object_pattern [
  (shorthand_property_identifier_pattern) @local
  (object_assignment_pattern left: (shorthand_property_identifier_pattern) @local)
])
(pair_pattern value: (identifier) @local)
(array_pattern (identifier) @local)
(rest_pattern (identifier) @local)
(assignment_pattern left: (identifier) @local)

(import_statement) @import
(export_statement source: (_)) @import
((call_expression function: (identifier) @_function arguments: (arguments . (string) .)) @import
  (#eq? @_function "require"))
(call_expression function: (import) arguments: (arguments . (string))) @import

(export_statement !source (export_clause (export_specifier name: (_) @exported)))
(export_statement value: (identifier) @exported)
((assignment_expression
  left: (member_expression object: (_) @_object property: (property_identifier) @exported))
  (#any-of? @_object "exports" "module.exports"))
((assignment_expression
  left: (member_expression object: (identifier) @_object)
  right: [(identifier) @exported (object (shorthand_property_identifier) @exported)])
  (#eq? @_object "module"))

[(comment) (string_fragment) (regex_pattern) (hash_bang_line)] @ignore
(pair key: (property_identifier) @ignore)
