(namespace_declaration name: (_) @name body: (_) @body) @module
(file_scoped_namespace_declaration name: (_) @name) @module
(class_declaration name: (_) @name body: (_) @body) @class
(struct_declaration name: (_) @name body: (_) @body) @class
(record_declaration name: (_) @name body: (_)? @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(delegate_declaration type: (_) @result name: (_) @name) @type
(base_list [(identifier) (qualified_name) (generic_name)] @base)
(base_list (primary_constructor_base_type type: (_) @base))

(method_declaration returns: (_) @result name: (_) @name body: (_)? @body) @method
((method_declaration
  returns: (_) @result
  name: (_) @name
  parameters: (parameter_list . (parameter (modifier) @_modifier type: (_) @owner))
  body: (_)? @body) @method
  (#eq? @_modifier "this"))
(constructor_declaration name: (_) @name body: (_)? @body) @method
(local_function_statement name: (_) @name body: (_) @body) @function
[(lambda_expression) (anonymous_method_expression)] @scope

(field_declaration (variable_declaration type: (_) @result (variable_declarator name: (_) @name))) @field
(event_field_declaration (variable_declaration type: (_) @result (variable_declarator name: (_) @name))) @field
(property_declaration type: (_) @result name: (_) @name) @field
(event_declaration type: (_) @result name: (_) @name) @field
(enum_member_declaration name: (_) @name) @constant
(record_declaration (parameter_list (parameter type: (_) @result name: (_) @name) @field))

(parameter name: (identifier) @local)
(local_declaration_statement (variable_declaration (variable_declarator name: (identifier) @local)))
(using_statement (variable_declaration (variable_declarator name: (identifier) @local)))
(for_statement initializer: (variable_declaration (variable_declarator name: (identifier) @local)))
(foreach_statement left: (identifier) @local)
(implicit_parameter) @local
(declaration_pattern name: (identifier) @local)
(declaration_expression name: (identifier) @local)
(catch_declaration name: (identifier) @local)
(type_parameter name: (identifier) @local)

(using_directive) @import
[(comment) (string_literal) (verbatim_string_literal) (raw_string_literal) (character_literal) (string_content)] @ignore
[(preproc_region) (preproc_pragma)] @ignore
