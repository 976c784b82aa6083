(package_clause (package_identifier) @name) @module
(type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) @class
(type_spec name: (_) @name type: (interface_type) @body) @interface
(type_spec name: (_) @name) @type
(type_alias name: (_) @name type: (_) @result) @type
(function_declaration name: (_) @name result: (_)? @result body: (_) @body) @function
(function_declaration name: (_) @name !body) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @owner))
  name: (_) @name
  result: (_)? @result
  body: (_)? @body) @method
(func_literal) @scope

(const_spec name: (identifier) @name type: (_)? @result) @constant
(var_spec name: (identifier) @name type: (_)? @result value: (_)? @value) @variable
(field_declaration name: (field_identifier) @name type: (_) @result) @field
(method_elem name: (_) @name result: (_)? @result) @method
(field_declaration !name type: (_) @base)
(interface_type (type_elem . [(type_identifier) (qualified_type) (generic_type)] @base .))

(parameter_declaration name: (identifier) @local)
(variadic_parameter_declaration name: (identifier) @local)
(type_parameter_declaration name: (identifier) @local)
(short_var_declaration left: (expression_list (identifier) @local))
(range_clause left: (expression_list (identifier) @local))
(type_switch_statement alias: (expression_list (identifier) @local))

(import_spec) @import
[(comment) (interpreted_string_literal) (raw_string_literal) (rune_literal)] @ignore
