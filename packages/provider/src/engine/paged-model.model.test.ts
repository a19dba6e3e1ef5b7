import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainNoMemoryGroup, makeMemoryGroup } from '@ogong/testing/processes/memory-group';
import { afterAll, expect, it } from 'vitest';

const here = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'ogong-paged-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MIB = 2 ** 20;
const MODEL = join(folder, 'large.gguf');
/** Weights of about 420 MiB. */
const SHAPE = { embedding: 1024, layers: 4, heads: 8, kvHeads: 2, feedForward: 16_384, context: 256 };

/** Writes the model in the process that is limited: pages of a file count for the group that has made them. */
const write = `import { writeRandomModel } from ${here('../../../testing/src/models/random-model.ts')};
  writeRandomModel(${JSON.stringify(MODEL)}, { vocabularyFrom: ${here('../../../models/models/stories260K.gguf')}, shape: ${JSON.stringify(SHAPE)} });`;

/** Loads the model, and prints the warnings, the class and the first token of an answer, or the reason of a refusal. */
const load = (pagedWeights: boolean, { reference = `file:${MODEL}`, backend = 'cpu' } = {}): string => `
  import { readMemoryRoom } from ${here('../../../engine/src/llama-cpp/device/memory.ts')};
  import { loadModel } from ${here('./engine-config.ts')};
  import { createRequest } from ${here('../../../testing/src/engine/compliance-requests.ts')};
  const warnings = [];
  const log = { info: () => {}, warn: (_, text) => warnings.push(text) };
  const backends = { inspect: () => ({ order: [{ backend: 'cuda', why: 'a card' }, { backend: 'cpu', why: 'no card' }], why: '' }), bring: async () => {} };
  const settings = { backend: '${backend}', modelsDir: ${JSON.stringify(folder)}, isa: 'auto', threads: 1, sequences: 1, nCtx: 64, kernels: 'plain', pagedWeights: ${pagedWeights} };
  const room = readMemoryRoom();
  try {
    const { engine } = await loadModel(${JSON.stringify(reference)}, settings, { log, backends });
    let tokens = 0;
    for await (const event of engine.generate(createRequest('Once', { maxTokens: 2 }))) if (event.kind === 'end') tokens = event.outputTokens.length;
    await engine.close();
    console.log(JSON.stringify({ room, warnings, tokens }));
  } catch (error) {
    console.log(JSON.stringify({ room, warnings, code: error.code, message: error.message }));
  }`;

interface Outcome {
  readonly room: { readonly bytes: number; readonly cause: string };
  readonly warnings: readonly string[];
  readonly tokens?: number;
  readonly code?: string;
  readonly message?: string;
}

function run(prefix: string, script: string): string {
  const shell = `${prefix}; exec "$0" --disable-warning=ExperimentalWarning --input-type=module -e "$1"`;
  return execFileSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' });
}

function assertPaged({ warnings, tokens }: Outcome, cause: string): void {
  expect(warnings).toEqual([expect.stringContaining(cause)]);
  expect(warnings[0]).toMatch(/larger than the memory: weights of 0\.4 GiB, .* a second or less for each token/);
  expect(tokens).toBeGreaterThan(0);
}

const absence = process.platform === 'linux' ? explainNoMemoryGroup() : 'control groups are of Linux';

it.skipIf(absence !== undefined)(
  `a model larger than the limit of its control group answers, with a warning and an estimate${absence === undefined ? '' : ` (skipped: ${absence})`}`,
  () => {
    const group = makeMemoryGroup(448 * MIB);
    try {
      const join = `echo $$ > ${group.joinPath}`;
      run(join, write);
      const outcome = JSON.parse(run(join, load(true))) as Outcome;
      expect(outcome.room.bytes).toBeLessThan(448 * MIB);
      assertPaged(outcome, 'are left under the memory limit of its control group');
      // Without leave to page it is refused, and the limit is named.
      expect(JSON.parse(run(join, load(false)))).toMatchObject({
        ...{ code: 'not-enough-memory', message: expect.stringContaining('its control group; raise that limit, or ') },
      });
    } finally {
      group.remove();
    }
  },
  240_000,
);

it.runIf(process.platform === 'linux')(
  'a model larger than the limit of data of a process answers, because its file is mapped',
  () => {
    if (!existsSync(MODEL)) run('true', write);
    const status = `import { readFileSync } from 'node:fs'; console.log(/VmData:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);`;
    const limitKib = Number(run('true', status)) + 256 * 1024;
    const outcome = JSON.parse(run(`ulimit -d ${limitKib}`, load(true))) as Outcome;
    assertPaged(outcome, "the system's limit of data (ulimit -d)");
    expect(JSON.parse(run(`ulimit -d ${limitKib}`, load(false)))).toMatchObject({
      ...{ code: 'not-enough-memory', message: expect.stringContaining("the system's limit of data") },
    });
    // The CPU is the last back end of \`auto\`, behind a card that cannot be used.
    assertPaged(JSON.parse(run(`ulimit -d ${limitKib}`, load(true, { backend: 'auto' }))) as Outcome, 'ulimit -d');
    // The engine of vectors reads no weights from the disk.
    const pooled = load(true, { reference: `mean:file:${MODEL}`, backend: 'auto' });
    expect(JSON.parse(run(`ulimit -d ${limitKib}`, pooled))).toMatchObject({ warnings: [], code: 'not-enough-memory' });
  },
  240_000,
);
