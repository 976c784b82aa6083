(class_specifier name: (_) @name body: (_) @body) @class
(template_declaration (class_specifier name: (_) @name body: (_) @body)) @class
(template_declaration (struct_specifier name: (_) @name body: (_) @body)) @class
(template_declaration
  (function_definition type: (_)? @result declarator: (_) @declarator body: (_) @body)) @function
(template_declaration (declaration type: (_)? @result declarator: (_) @declarator)) @variable
(template_declaration (alias_declaration name: (_) @name type: (_) @result)) @type
(template_declaration (concept_definition name: (_) @name)) @type
(function_definition type: (_)? @result declarator: (_) @declarator !body) @function
(alias_declaration name: (_) @name type: (_) @result) @type
(namespace_definition name: (_) @name body: (_) @body) @module
(base_class_clause [(type_identifier) (qualified_identifier) (template_type)] @base)
(field_declaration_list (access_specifier) @access)
(lambda_expression) @scope

(parameter_declaration declarator: (reference_declarator (identifier) @local))
(optional_parameter_declaration declarator: (identifier) @local)
(for_range_loop declarator: [(identifier) @local (reference_declarator (identifier) @local)])
(structured_binding_declarator (identifier) @local)
(type_parameter_declaration (type_identifier) @local)

(using_declaration) @import
(namespace_alias_definition) @import
(raw_string_literal) @ignore
