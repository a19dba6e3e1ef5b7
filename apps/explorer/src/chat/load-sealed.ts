/** The code that checks a machine and seals to it: it is loaded for models of attested machines alone. @throws Error with advice for a person. */
export const loadSealed = () =>
  import('./sealed.ts').catch((cause: unknown) => {
    throw new Error('The code that seals a question could not be loaded. Connect again and reload this page.', {
      cause,
    });
  });
