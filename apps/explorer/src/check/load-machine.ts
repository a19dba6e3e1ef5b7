/**
 * The checks of machines, which need certificates and nothing else does: they are loaded after those of receipts.
 * @throws Error with advice for a person.
 */
export const loadMachine = () =>
  import('./machine.ts').catch((cause: unknown) => {
    throw new Error('The code that checks machines could not be loaded. Connect again and reload this page.', {
      cause,
    });
  });
