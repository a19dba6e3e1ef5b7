import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { plural } from '../../format.ts';
import { saveFile } from '../../save-file.ts';
import type { PanelMemories } from './memory-client.ts';
import { exportMemories, importMemories } from './memory-transfer.ts';

const memories = (count: number): string => plural(count, 'memory', 'memories');

/** Buttons that save all memories with their proofs, and store those of such a file. */
export function Transfer({ api, onImported }: { api: PanelMemories; onImported: () => void }) {
  const [said, setSaid] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const left = useMemo(() => new AbortController(), []);
  useEffect(() => () => left.abort(), [left]);
  const { signal } = left;

  async function run(work: () => Promise<string>, fault: string): Promise<void> {
    setBusy(true);
    setProblem(undefined);
    try {
      setSaid(await work());
    } catch (error) {
      setSaid('');
      setProblem(`${fault}: ${(error as Error).message}`);
    }
    setBusy(false);
  }

  const save = () =>
    run(async () => {
      let total = 0;
      const onProgress = (count: number): void => {
        total = count;
        setSaid(`${memories(count)} read …`);
      };
      const lines = await exportMemories(api, { signal, onProgress });
      saveFile('memories.jsonl', 'application/jsonl', lines);
      return `${memories(total)} saved with their proofs.`;
    }, 'The memories were not saved');

  const load = (given: File) =>
    run(async () => {
      const onProgress = (count: number): void => setSaid(`${memories(count)} sent …`);
      const { imported, known } = await importMemories(api, given, { signal, onProgress }).finally(onImported);
      return `${imported} imported, ${known} known.`;
    }, 'The import ended');

  return (
    <>
      <p class="actions">
        <button type="button" class="quiet small" disabled={isBusy} onClick={() => void save()}>
          export
        </button>
        <button type="button" class="quiet small" disabled={isBusy} onClick={() => file.current?.click()}>
          import
        </button>
        <input
          ref={file}
          class="hidden"
          type="file"
          accept=".jsonl,application/jsonl"
          aria-label="File of exported memories"
          tabIndex={-1}
          onChange={({ currentTarget }) => {
            const [given] = currentTarget.files ?? [];
            if (given) void load(given);
            currentTarget.value = '';
          }}
        />
        <span role="status">{said}</span>
      </p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
