(class_definition name: (identifier) @name body: (_) @body) @class
(decorated_definition definition: (class_definition name: (identifier) @name body: (_) @body)) @class
(class_definition superclasses: (argument_list [(identifier) (attribute) (subscript) (call)] @base))

(function_definition name: (identifier) @name return_type: (_)? @result body: (_) @body) @function
(decorated_definition
  definition: (function_definition name: (identifier) @name return_type: (_)? @result body: (_) @body)) @function
(lambda) @scope

(assignment left: (identifier) @name type: (_)? @result right: (_)? @value) @variable
(assignment left: [(pattern_list (identifier) @name) (tuple_pattern (identifier) @name)]) @variable
(type_alias_statement
  left: (type [(identifier) @name (generic_type . (identifier) @name)])
  right: (_) @result) @type
(assignment
  left: (attribute object: (identifier) @owner attribute: (identifier) @name)
  type: (_)? @result
  right: (_)? @value) @attribute
(assignment left: (pattern_list (attribute object: (identifier) @owner attribute: (identifier) @name))) @attribute

(parameters [
  (identifier) @local
  (typed_parameter . [(identifier) @local (_ (identifier) @local)])
  (default_parameter name: (identifier) @local)
  (typed_default_parameter name: (identifier) @local)
  (list_splat_pattern (identifier) @local)
  (dictionary_splat_pattern (identifier) @local)
])
(lambda_parameters [
  (identifier) @local
  (default_parameter name: (identifier) @local)
  (list_splat_pattern (identifier) @local)
  (dictionary_splat_pattern (identifier) @local)
])
(for_statement left: (identifier) @local)
(for_in_clause left: (identifier) @local)
(pattern_list (identifier) @local)
(tuple_pattern (identifier) @local)
(as_pattern_target (identifier) @local)
(named_expression name: (identifier) @local)

(import_statement) @import
(import_from_statement) @import

(comment) @ignore
(string_content) @ignore
(keyword_argument name: (identifier) @ignore)
(keyword_pattern . (identifier) @ignore)
(future_import_statement) @ignore
