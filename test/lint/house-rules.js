// Lint rules of this project that oxlint does not have. Plain JavaScript, because oxlint loads it
// with whatever Node runs the editor. The rules are proved in test/unit/import-rules.test.ts.

/** `new Date()` and `Date()` read the clock; `new Date(ms)` only converts. */
const noClockInDate = {
  create(context) {
    const report = (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'Date') return;
      if (node.type === 'NewExpression' && node.arguments.length > 0) return;
      context.report({ node, message: 'This reads the clock: use the Clock port.' });
    };
    return { NewExpression: report, CallExpression: report };
  },
};

/** no-restricted-imports does not look at `import()`, so the pure parts may not use it at all. */
const noDynamicImport = {
  create(context) {
    return {
      ImportExpression(node) {
        context.report({ node, message: 'Dynamic import is a way around the import rule.' });
      },
    };
  },
};

/** Node runs the sources as they are, so a relative import names the file that exists. */
const tsExtension = {
  create(context) {
    const check = (node) => {
      const source = node.source?.value;
      if (typeof source !== 'string' || !source.startsWith('.')) return;
      if (/\.(ts|json)$/.test(source)) return;
      context.report({ node, message: `Relative imports end in .ts: ${source}` });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    };
  },
};

export default {
  meta: { name: 'house' },
  rules: {
    'no-clock-in-date': noClockInDate,
    'no-dynamic-import': noDynamicImport,
    'ts-extension': tsExtension,
  },
};
