import type { MorePagesProps } from './more-pages.tsx';
import { useLoaded } from './use-loaded.ts';

/** @throws Error with advice for a person. */
const loadPages = () =>
  import('./more-pages.tsx').catch((cause: unknown) => {
    throw new Error('This page could not be loaded. Connect again and reload it.', { cause });
  });

export function LazyPages(props: MorePagesProps) {
  const { code, problem } = useLoaded(loadPages);
  if (code === undefined) return <p class="empty">{problem ?? 'Loading the page …'}</p>;
  return <code.MorePages {...props} />;
}
