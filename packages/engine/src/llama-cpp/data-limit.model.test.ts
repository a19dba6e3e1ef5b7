import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const here = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
const model = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
/** Prints the data in use before the model is opened, and the reason if it cannot be. */
const open = `import { readDataLimit } from ${here('./device/memory.ts')};
  import { findLlamaBuild } from ${here('./device/platform.ts')};
  import { loadLlama } from ${here('./library.ts')};
  import { openLlamaModel } from ${here('./model.ts')};
  const library = loadLlama(findLlamaBuild(), 'auto');
  const used = readDataLimit()?.used;
  let reason = '';
  try {
    openLlamaModel(library, ${JSON.stringify(model)}).createContext({ contextSize: 256, sequences: 1, threads: 1, batchSize: 256 });
  } catch (error) {
    reason = error.code + ': ' + error.message;
  }
  console.log(JSON.stringify({ used, reason }));`;

const MIB = 2 ** 20;

function openUnder(limitMib: number): { readonly used: number; readonly reason: string } {
  const script = `ulimit -d ${limitMib * 1024}; exec "$0" --input-type=module -e "$1"`;
  return JSON.parse(execFileSync('sh', ['-c', script, process.execPath, open], { encoding: 'utf8' }));
}

it.runIf(process.platform === 'linux')('a context without room under a limit of data is refused with the limit', () => {
  const { used, reason } = openUnder(4_096);
  expect(reason).toBe('');
  const limitMib = Math.ceil(used / MIB) + 16;
  expect(openUnder(limitMib).reason).toMatch(
    new RegExp(
      `^not-enough-memory: .*; the system allows this process ${limitMib} MiB of data, and \\d+ MiB are in use$`,
    ),
  );
});
