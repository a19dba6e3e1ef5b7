/** The checks of receipts are a third of all code: they are loaded after the first view. */
export const loadChecks = () => import('./checks.ts');
