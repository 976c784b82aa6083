(jsx_text) @ignore
(jsx_attribute (property_identifier) @ignore)
