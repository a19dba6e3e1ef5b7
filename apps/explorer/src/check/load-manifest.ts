/** The checks of manifests, which one page needs. @throws Error with advice for a person. */
export const loadManifest = () =>
  import('./manifest.ts').catch((cause: unknown) => {
    throw new Error('The code that checks manifests could not be loaded. Connect again and reload this page.', {
      cause,
    });
  });
