import { useLoaded } from '../use-loaded.ts';
import type { HubPagesProps } from './hub-pages.tsx';

/** The pages of the hub, which most visitors do not open. @throws Error with advice for a person. */
const loadHub = () =>
  import('./hub-pages.tsx').catch((cause: unknown) => {
    throw new Error('The pages of the hub could not be loaded. Connect again and reload this page.', { cause });
  });

export function LazyHub(props: HubPagesProps) {
  const { code, problem } = useLoaded(loadHub);
  if (code === undefined) return <p class="empty">{problem ?? 'Loading the pages of the hub …'}</p>;
  return <code.HubPages {...props} />;
}
