(class_heritage [(identifier) (member_expression) (call_expression)] @base)
(field_definition property: [(property_identifier) (private_property_identifier)] @name) @field
(field_definition
  property: [(property_identifier) (private_property_identifier)] @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(formal_parameters (identifier) @local)
