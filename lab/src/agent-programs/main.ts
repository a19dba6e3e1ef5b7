// Published agent programs look at a picture with a tool and answer, over local mode: `node lab/src/agent-programs/main.ts [name ...]`.
// Each is installed from npm at its pinned version, into a folder that is removed afterwards. Ends with 1 if one fails.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { encodePng } from '@ogong/host/media/png';
import { formatMarkdownTable } from '../markdown-table.ts';
import { startObservingServer } from './observing-server.ts';
import { AGENT_PROGRAMS, type AgentProgram } from './programs.ts';

const run = promisify(execFile);
const QUESTION = 'What does square.png show?';
const CONCLUSION = 'The picture shows a red square.';
const SIDE = 32;
const PATIENCE_MS = 120_000;
const INSTALL_MS = 600_000;

const names = process.argv.slice(2);
const unknown = names.find((name) => !AGENT_PROGRAMS.some((program) => program.name === name));
if (unknown !== undefined) {
  console.error(`there is no ${unknown}; programs: ${AGENT_PROGRAMS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

/** @returns the problem; undefined without one. */
async function play(program: AgentProgram, directory: string): Promise<string | undefined> {
  const [home, work] = [join(directory, 'home'), join(directory, 'work')];
  for (const folder of [home, work]) mkdirSync(folder, { recursive: true });
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', directory, ...program.packages], {
    timeout: INSTALL_MS,
  });
  const red = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i % 3 === 0 ? 255 : 0));
  const picture = join(work, 'square.png');
  writeFileSync(picture, await encodePng({ width: SIDE, height: SIDE, pixels: red }));
  const says = `<tool_call>\n${JSON.stringify(program.call(picture))}\n</tool_call>`;
  const server = await startObservingServer({ model: program.model, says, concludes: CONCLUSION });
  try {
    const prepared = program.prepare({ base: server.base, model: program.model, home, work }, QUESTION);
    const [name = '', ...argv] = prepared.argv;
    // Settings of the user's own programs must not change a run.
    const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
    const env = { PATH: path, HOME: home, TMPDIR: directory, ...prepared.env };
    const command = name === 'node' ? process.execPath : join(directory, 'node_modules', '.bin', name);
    const started = run(command, argv, { cwd: work, env, timeout: PATIENCE_MS });
    started.child.stdin?.end();
    const { stdout } = await started;
    if (!stdout.includes(CONCLUSION)) return `it printed ${JSON.stringify(stdout.slice(-300))}`;
    return server.pictures.some((count) => count > 0) ? undefined : 'its model saw no picture';
  } catch (error) {
    return (error as Error).message.slice(0, 1_000);
  } finally {
    await server.close();
  }
}

const rows: string[][] = [];
let failed = false;
for (const program of AGENT_PROGRAMS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-agent-program-'));
  try {
    const problem = await play(program, directory);
    failed ||= problem !== undefined;
    rows.push([program.name, program.packages.join(', '), program.path, problem ?? 'ok']);
    console.log(`${program.name}: ${problem ?? 'ok'}`);
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
console.log(`\n${formatMarkdownTable(['program', 'packages', 'endpoint', 'result'], rows)}`);
process.exit(failed ? 1 : 0);
