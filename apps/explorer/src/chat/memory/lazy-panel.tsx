import { useLoaded } from '../../view/use-loaded.ts';
import type { PanelMemories } from './memory-client.ts';

/** The panel of memories, which most visitors do not open. @throws Error with advice for a person. */
const loadPanel = () =>
  import('./memory-panel.tsx').catch((cause: unknown) => {
    throw new Error('The memories could not be loaded. Connect again and reload this page.', { cause });
  });

export function LazyMemoryPanel(props: { api: PanelMemories; onClose: () => void }) {
  const { code, problem } = useLoaded(loadPanel);
  if (code === undefined) return <p class="empty">{problem ?? 'Loading memories …'}</p>;
  return <code.MemoryPanel {...props} />;
}
