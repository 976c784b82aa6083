(package_header (qualified_identifier) @name) @module
(class_declaration name: (_) @name [(class_body) (enum_class_body)] @body) @class
(class_declaration name: (_) @name) @class
(class_declaration "interface" name: (_) @name (class_body) @body) @interface
(class_declaration (modifiers (class_modifier "enum")) name: (_) @name (enum_class_body) @body) @enum
(object_declaration name: (_) @name (class_body)? @body) @class
(companion_object name: (_) @name (class_body) @body) @class
(delegation_specifier [
  (user_type) @base
  (constructor_invocation (user_type) @base)
  (explicit_delegation (user_type) @base)
])
(type_alias type: (_) @name [(user_type) (nullable_type)]? @result) @type

(function_declaration name: (_) @name (function_body)? @body) @function
(function_declaration
  name: (_) @name
  (function_value_parameters)
  .
  [(user_type) (nullable_type) (function_type)] @result
  (function_body)? @body) @function
(function_declaration
  [(user_type) @owner (nullable_type (user_type) @owner)]
  .
  "."
  name: (_) @name
  (function_value_parameters)
  .
  [(user_type) (nullable_type) (function_type)]? @result
  (function_body)? @body) @function
(secondary_constructor) @scope
[(lambda_literal) (anonymous_function) (anonymous_initializer) (getter) (setter)] @scope

(property_declaration
  (variable_declaration (identifier) @name [(user_type) (nullable_type) (function_type)]? @result)) @variable
(property_declaration (variable_declaration (identifier) @name) "=" . (_) @value) @variable
(property_declaration
  [(user_type) @owner (nullable_type (user_type) @owner)]
  .
  "."
  (variable_declaration (identifier) @name [(user_type) (nullable_type)]? @result)) @field
(property_declaration (multi_variable_declaration (variable_declaration (identifier) @name))) @variable
(class_parameter
  ["val" "var"]
  (identifier) @name
  [(user_type) (nullable_type) (function_type)] @result) @field
(enum_entry . (identifier) @name) @constant

(parameter . (identifier) @local)
(class_parameter (identifier) @local)
(lambda_parameters (variable_declaration . (identifier) @local))
(for_statement (variable_declaration . (identifier) @local))
(when_subject (variable_declaration . (identifier) @local))
(catch_block (identifier) @local)
(type_parameter (identifier) @local)

(import) @import
[(line_comment) (block_comment) (string_content) (character_literal)] @ignore
