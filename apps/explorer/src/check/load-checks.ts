/** The checks of receipts are a third of all code: they are loaded after the first view. @throws Error with advice for a person. */
export const loadChecks = () =>
  import('./checks.ts').catch((cause: unknown) => {
    throw new Error('The code of the checks could not be loaded. Connect again and reload this page.', { cause });
  });
