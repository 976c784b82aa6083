(module name: [(constant) @name (scope_resolution name: (constant) @name)] body: (_)? @body) @module
(class name: [(constant) @name (scope_resolution name: (constant) @name)] body: (_)? @body) @class
(superclass (_) @base)
((call method: (identifier) @_method arguments: (argument_list [(constant) (scope_resolution)] @base))
  (#any-of? @_method "include" "extend" "prepend"))

(method name: (_) @name parameters: (_)? body: (_)? @body) @function
(singleton_method name: (_) @name parameters: (_)? body: (_)? @body) @function
(lambda) @scope

(assignment left: (constant) @name right: (_) @value) @constant
(assignment left: (instance_variable) @name right: (_) @value) @attribute
((call method: (identifier) @_method arguments: (argument_list (simple_symbol) @name)) @field
  (#match? @_method "^(attr_(accessor|reader|writer)|has_many|has_one|belongs_to|scope|define_method)$"))
(body_statement (identifier) @access (#any-of? @access "private" "protected" "public"))

(method_parameters (identifier) @local)
(block_parameters (identifier) @local)
(lambda_parameters (identifier) @local)
(destructured_parameter (identifier) @local)
(optional_parameter name: (identifier) @local)
(keyword_parameter name: (identifier) @local)
(splat_parameter name: (identifier) @local)
(hash_splat_parameter name: (identifier) @local)
(block_parameter name: (identifier) @local)
(assignment left: (identifier) @local)
(left_assignment_list (identifier) @local)
(exception_variable (identifier) @local)

((call !receiver method: (identifier) @_method arguments: (argument_list (string))) @import
  (#any-of? @_method "require" "require_relative" "load" "autoload"))
[(comment) (string_content) (heredoc_content)] @ignore
