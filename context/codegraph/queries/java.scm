(package_declaration [(identifier) (scoped_identifier)] @name) @module
(class_declaration name: (_) @name body: (_) @body) @class
(record_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(annotation_type_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(superclass (_) @base)
(super_interfaces (type_list (_) @base))
(extends_interfaces (type_list (_) @base))

(method_declaration type: (_) @result name: (_) @name body: (_)? @body) @method
(constructor_declaration name: (_) @name body: (_) @body) @method
(compact_constructor_declaration name: (_) @name body: (_) @body) @method
(annotation_type_element_declaration type: (_) @result name: (_) @name) @method
(object_creation_expression (class_body)) @scope
[(lambda_expression) (static_initializer)] @scope

(field_declaration
  type: (_) @result
  declarator: (variable_declarator name: (_) @name value: (_)? @value)) @field
(constant_declaration type: (_) @result declarator: (variable_declarator name: (_) @name)) @constant
(enum_constant name: (_) @name) @constant
(record_declaration parameters: (formal_parameters (formal_parameter type: (_) @result name: (_) @name) @field))

(formal_parameter name: (identifier) @local)
(spread_parameter (variable_declarator name: (identifier) @local))
(inferred_parameters (identifier) @local)
(lambda_expression parameters: (identifier) @local)
(local_variable_declaration declarator: (variable_declarator name: (identifier) @local))
(enhanced_for_statement name: (identifier) @local)
(catch_formal_parameter name: (identifier) @local)
(resource name: (identifier) @local)
(instanceof_expression name: (identifier) @local)
(type_parameter (type_identifier) @local)

(import_declaration) @import
[(line_comment) (block_comment) (string_literal) (character_literal)] @ignore
