/** Loads the creation code of the contracts (0.6 MB). Only a deployment needs it, so no other command reads it. */
export const loadBytecode = () => import('./generated/bytecode.ts');
