import { type Profiler, Session } from 'node:inspector/promises';

/** Between two samples. */
export const INTERVAL_US = 200;

/** Records a profile of this thread from now on. @returns a function that ends it. */
export async function recordProfile(): Promise<() => Promise<Profiler.Profile>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  await session.post('Profiler.start');
  return async () => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  };
}
