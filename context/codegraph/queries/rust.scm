(struct_item name: (_) @name body: (field_declaration_list) @body) @class
(struct_item name: (_) @name) @class
(union_item name: (_) @name body: (_) @body) @class
(enum_item name: (_) @name body: (_) @body) @enum
(trait_item name: (_) @name body: (_) @body) @interface
(impl_item type: (_) @name body: (_) @body) @extension
(impl_item trait: (_) @base)
(trait_item bounds: (trait_bounds [(type_identifier) (scoped_type_identifier) (generic_type)] @base))
(mod_item name: (_) @name body: (_) @body) @module
(type_item name: (_) @name type: (_) @result) @type
(associated_type name: (_) @name) @type
(macro_definition name: (_) @name) @macro

(function_item name: (_) @name return_type: (_)? @result body: (_) @body) @function
(function_signature_item name: (_) @name return_type: (_)? @result) @function
(closure_expression) @scope

(const_item name: (_) @name type: (_) @result) @constant
(static_item name: (_) @name type: (_) @result) @constant
(enum_variant name: (_) @name) @constant
(field_declaration name: (_) @name type: (_) @result) @field

(parameter pattern: [(identifier) @local (mut_pattern (identifier) @local)])
(closure_parameters (identifier) @local)
(let_declaration pattern: [(identifier) @local (mut_pattern (identifier) @local)])
(for_expression pattern: (identifier) @local)
(tuple_pattern (identifier) @local)
(tuple_struct_pattern type: (_) (identifier) @local)
(field_pattern name: (shorthand_field_identifier) @local)
(ref_pattern (identifier) @local)
(captured_pattern . (identifier) @local)
(type_parameter name: (type_identifier) @local)

(use_declaration) @import
(extern_crate_declaration) @import
(mod_item !body) @import
(attribute_item) @decorator
(attribute) @ignore
[(line_comment) (block_comment) (string_literal) (raw_string_literal) (char_literal) (lifetime)] @ignore
