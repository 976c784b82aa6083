; Where a name lies deep in a declarator, @declarator stands for it: what is declared, and whether it is a function.

(struct_specifier name: (_) @name body: (_) @body) @class
(union_specifier name: (_) @name body: (_) @body) @class
(enum_specifier name: (_) @name body: (_) @body) @enum
(type_definition type: (struct_specifier !name body: (_) @body) declarator: (_) @declarator) @class
(type_definition type: (union_specifier !name body: (_) @body) declarator: (_) @declarator) @class
(type_definition type: (enum_specifier !name body: (_) @body) declarator: (_) @declarator) @enum
(type_definition type: (_ body: (_)? @body) @result declarator: (_) @declarator) @typedef
(preproc_def name: (_) @name) @macro
(preproc_function_def name: (_) @name) @macro

(function_definition type: (_)? @result declarator: (_) @declarator body: (_) @body) @function
(declaration type: (_)? @result declarator: (_) @declarator) @variable
(field_declaration type: (_)? @result declarator: (_) @declarator) @field
(enumerator name: (_) @name) @constant

(parameter_declaration declarator: [
  (identifier) @local
  (pointer_declarator declarator: [(identifier) @local (pointer_declarator declarator: (identifier) @local)])
  (array_declarator declarator: (identifier) @local)
])
(preproc_params (identifier) @local)

(preproc_include) @import
[(comment) (string_literal) (char_literal)] @ignore
