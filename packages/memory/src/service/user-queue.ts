/** Runs the jobs of one user one after the other, and those of different users together. */
export type UserQueue = <T>(user: string, job: () => Promise<T>) => Promise<T>;

export function createUserQueue(): UserQueue {
  const last = new Map<string, Promise<unknown>>();
  return async (user, job) => {
    const before = last.get(user);
    const mine = (before ?? Promise.resolve()).then(job, job);
    last.set(user, mine);
    try {
      return await mine;
    } finally {
      if (last.get(user) === mine) last.delete(user);
    }
  };
}
