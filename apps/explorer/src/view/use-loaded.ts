import { useEffect, useState } from 'preact/hooks';

/** Code that a page loads when it is shown, or the reason for its absence. */
export interface Loaded<T> {
  readonly code?: T;
  readonly problem?: string;
}

/** Loads code once. @param load the same function at each call. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({});
  useEffect(() => {
    load().then(
      (code) => setLoaded({ code }),
      (error: Error) => setLoaded({ problem: error.message }),
    );
  }, [load]);
  return loaded;
}
