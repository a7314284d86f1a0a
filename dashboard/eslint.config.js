import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules", "src/routeTree.gen.ts", "src/api/schema.ts"] },
  js.configs.recommended,
  tseslint.configs.strict,
  tseslint.configs.stylistic,
  jsxA11y.flatConfigs.recommended,
  reactHooks.configs.flat["recommended-latest"],
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { ignoreRestSiblings: true, argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      // A recursive type cannot be written as a Record of itself.
      "@typescript-eslint/consistent-indexed-object-style": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  // The mock server is code for Node, and the theme script runs before any module.
  { files: ["src/mocks/**", "*.config.*", "public/**"], languageOptions: { globals: { ...globals.node } } },
);
