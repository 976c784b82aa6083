(namespace_definition name: (_) @name body: (_)? @body) @module
(class_declaration name: (_) @name body: (_) @body) @class
(trait_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(base_clause [(name) (qualified_name)] @base)
(class_interface_clause [(name) (qualified_name)] @base)
(use_declaration [(name) (qualified_name)] @base)

(method_declaration name: (_) @name return_type: (_)? @result body: (_)? @body) @method
(function_definition name: (_) @name return_type: (_)? @result body: (_) @body) @function

(property_declaration
  type: (_)? @result
  (property_element name: (variable_name (name) @name) default_value: (_)? @value)) @field
(property_promotion_parameter type: (_)? @result name: (variable_name (name) @name)) @attribute
(const_declaration (const_element . (name) @name)) @constant
(enum_case name: (_) @name) @constant
((function_call_expression
  function: (name) @_function
  arguments: (arguments . (argument (string (string_content) @name)))) @constant
  (#eq? @_function "define"))
((assignment_expression
  left: (member_access_expression object: (variable_name) @_object name: (name) @name)
  right: (_) @value) @attribute
  (#eq? @_object "$this"))

(namespace_use_declaration) @import
[
  (require_expression)
  (require_once_expression)
  (include_expression)
  (include_once_expression)
] @import
[(comment) (string_content) (nowdoc_string) (php_tag) (text)] @ignore
