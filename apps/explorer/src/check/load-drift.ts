/** The reader of drift tables, which one page needs. @throws Error with advice for a person. */
export const loadDrift = () =>
  import('./drift.ts').catch((cause: unknown) => {
    throw new Error('The code that reads drift tables could not be loaded. Connect again and reload this page.', {
      cause,
    });
  });
