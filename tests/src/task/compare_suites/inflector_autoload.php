<?php
spl_autoload_register(function ($class) {
    foreach (['Doctrine\\Tests\\Inflector\\' => 'tests/Doctrine/Tests/Inflector/', 'Doctrine\\Inflector\\' => 'lib/Doctrine/Inflector/'] as $prefix => $folder) {
        $file = __DIR__ . '/' . $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        if (strncmp($class, $prefix, strlen($prefix)) === 0 && is_file($file)) { require $file; return; }
    }
});
