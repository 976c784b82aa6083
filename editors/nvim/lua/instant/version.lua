--- The version of this plugin: that of the server it came with.
return '0.1.0'
