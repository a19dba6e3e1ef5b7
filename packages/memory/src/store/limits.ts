/** Limits of a store; each user has them alone. */
export interface MemoryLimits {
  readonly memories: number;
  readonly notes: number;
  /** Of the sealed calls of a user. */
  readonly evidenceBytes: number;
  /** Memory for the indexes of all users. The index of one user is refused above it. */
  readonly indexBytes: number;
}

export const MEMORY_LIMITS: MemoryLimits = {
  memories: 100_000,
  notes: 65_536,
  evidenceBytes: 2 ** 30,
  indexBytes: 2 ** 29,
};
