(package_clause name: (_) @name) @module
(class_definition name: (_) @name body: (_)? @body) @class
(object_definition name: (_) @name body: (_)? @body) @class
(package_object name: (_) @name body: (_)? @body) @class
(trait_definition name: (_) @name body: (_)? @body) @interface
(enum_definition name: (_) @name body: (_) @body) @enum
(given_definition name: (_) @name body: (_)? @body) @class
(extends_clause [(type_identifier) (generic_type) (stable_type_identifier)] @base)
(type_definition name: (_) @name type: (_)? @result) @type

(function_definition name: (_) @name return_type: (_)? @result body: (_) @body) @function
(function_declaration name: (_) @name return_type: (_)? @result) @function
(extension_definition
  parameters: (parameters (parameter type: (_) @owner))
  body: (function_definition name: (_) @name return_type: (_)? @result body: (_) @body)) @function
[(lambda_expression) (case_block)] @scope

(val_definition pattern: (identifier) @name type: (_)? @result value: (_) @value) @variable
(var_definition pattern: (identifier) @name type: (_)? @result value: (_) @value) @variable
(val_declaration name: (_) @name type: (_)? @result) @variable
(var_declaration name: (_) @name type: (_)? @result) @variable
(class_parameter name: (_) @name type: (_)? @result) @field
(simple_enum_case name: (_) @name) @constant
(full_enum_case name: (_) @name) @constant

(parameter name: (identifier) @local)
(lambda_expression parameters: (identifier) @local)
(binding name: (identifier) @local)
(enumerator . (identifier) @local)
(tuple_pattern (identifier) @local)
(case_clause pattern: (identifier) @local)
(case_class_pattern pattern: (identifier) @local)
(typed_pattern pattern: (identifier) @local)
(type_parameters name: (identifier) @local)

(import_declaration) @import
[(comment) (block_comment) (string) (character_literal)] @ignore
(interpolated_string) @ignore
