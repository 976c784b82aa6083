(abstract_class_declaration name: (_) @name body: (_) @body) @class
(export_statement declaration: (abstract_class_declaration name: (_) @name body: (_) @body)) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(type_alias_declaration name: (_) @name) @type
(internal_module name: (_) @name body: (_) @body) @module
(module name: (_) @name body: (_) @body) @module
(extends_clause value: [(identifier) (member_expression)] @base)
(implements_clause (_) @base)
(extends_type_clause type: (_) @base)

(function_signature name: (identifier) @name return_type: (_)? @result) @function
(function_declaration name: (identifier) @name return_type: (_) @result body: (_) @body) @function
(variable_declarator name: (identifier) @name value: (arrow_function return_type: (_) @result body: (_) @body)) @function
(method_definition
  name: [(property_identifier) (private_property_identifier)] @name
  return_type: (_) @result
  body: (_) @body) @method
(method_signature name: (property_identifier) @name return_type: (_)? @result) @method
(abstract_method_signature name: (property_identifier) @name return_type: (_)? @result) @method

(variable_declarator name: (identifier) @name type: (_) @result) @variable
(public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name
  type: (_)? @result
  value: (_)? @value) @field
(public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(property_signature name: (property_identifier) @name type: (_)? @result) @field
(enum_body name: (property_identifier) @name @constant)
(enum_assignment name: (property_identifier) @name) @constant
(required_parameter (accessibility_modifier) pattern: (identifier) @name type: (_)? @result) @attribute
(optional_parameter (accessibility_modifier) pattern: (identifier) @name type: (_)? @result) @attribute

(required_parameter pattern: (identifier) @local)
(optional_parameter pattern: (identifier) @local)
(type_parameter name: (type_identifier) @local)
(class_body (decorator) @decorator)
(import_alias) @import
