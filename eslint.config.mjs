import tseslint from "typescript-eslint";

/** Imports point one way: services -> mixins -> channels -> contracts, services -> domain -> contracts. */
const folders = (...names) => names.map((name) => `**/${name}/**`);
const arrows = {
  "contracts/**": ["moleculer", ...folders("channels", "domain", "mixins", "providers", "services", "store")],
  "domain/**": ["moleculer", ...folders("channels", "mixins", "providers", "services", "store")],
  "channels/**": folders("domain", "mixins", "providers", "services"),
  "store/**": folders("channels", "domain", "mixins", "providers", "services"),
  "providers/**": folders("channels", "mixins", "services"),
  "mixins/**": folders("domain", "providers", "services"),
};

/** Values; the type of what another layer makes may be named. */
const refuse = (files, group, message) => ({
  files: [files],
  rules: {
    "@typescript-eslint/no-restricted-imports": [
      "error",
      { patterns: [{ group, message, allowTypeImports: true }] },
    ],
  },
});

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "data/", ".servers/", "coverage/"] },
  ...tseslint.configs.recommended,
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      "no-console": "error",
    },
  },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
  { files: ["bench/**", "scripts/**", "test/**", "public/**"], rules: { "no-console": "off" } },
  ...Object.entries(arrows).map(([files, refused]) =>
    refuse(files, refused, "Imports point one way, see docs/architecture.md."),
  ),
  refuse("{services,functions}/**", ["**/*.service"], "Services meet on the mesh."),
);
