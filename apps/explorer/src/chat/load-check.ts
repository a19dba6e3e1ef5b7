const explain = (cause: unknown): never => {
  throw new Error('The code that checks an answer could not be loaded. Connect again and reload this page.', { cause });
};

/** The code that checks an answer: it is loaded with the first one, so that the page shows itself earlier. @throws Error with advice for a person. */
export const loadCheck = () => import('./check-turn.ts').catch(explain);

/** The code that checks a call that made a memory. @throws Error with advice for a person. */
export const loadCallCheck = () => import('./memory/check-call.ts').catch(explain);
