/** The code that checks an answer: it is loaded with the first one, so that the page shows itself earlier. @throws Error with advice for a person. */
export const loadCheck = () =>
  import('./check-turn.ts').catch((cause: unknown) => {
    throw new Error('The code that checks an answer could not be loaded. Connect again and reload this page.', {
      cause,
    });
  });
