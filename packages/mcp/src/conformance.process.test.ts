import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { parseReadyLine } from '@ogong/host/lifecycle/ready-line';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const suite = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js');
const program = findProgram(new URL('./bin/ogong-mcp.ts', import.meta.url));

const APPLIED = [
  ...['server-initialize', 'ping', 'tools-list', 'tools-call-error'],
  ...['server-sse-multiple-streams', 'dns-rebinding-protection'],
];

const FIXTURE = 'it calls a tool of the test server of the suite';
const NO_PROMPTS = 'the server has no prompts';
const NO_RESOURCES = 'the server has no resources';

/** Scenarios of other features, which the server does not declare. */
const NOT_APPLIED: Readonly<Record<string, string>> = {
  'logging-set-level': 'the server sends no log: its log is on standard error',
  'completion-complete': 'no prompt and no resource has an argument to complete',
  'tools-call-simple-text': FIXTURE,
  'tools-call-image': FIXTURE,
  'tools-call-audio': FIXTURE,
  'tools-call-embedded-resource': FIXTURE,
  'tools-call-mixed-content': FIXTURE,
  'tools-call-with-logging': FIXTURE,
  'tools-call-with-progress': FIXTURE,
  'tools-call-sampling': FIXTURE,
  'tools-call-elicitation': FIXTURE,
  'json-schema-2020-12': FIXTURE,
  'elicitation-sep1034-defaults': FIXTURE,
  'elicitation-sep1330-enums': FIXTURE,
  'server-sse-polling': FIXTURE,
  'resources-list': NO_RESOURCES,
  'resources-read-text': NO_RESOURCES,
  'resources-read-binary': NO_RESOURCES,
  'resources-templates-read': NO_RESOURCES,
  'resources-subscribe': NO_RESOURCES,
  'resources-unsubscribe': NO_RESOURCES,
  'prompts-list': NO_PROMPTS,
  'prompts-get-simple': NO_PROMPTS,
  'prompts-get-with-args': NO_PROMPTS,
  'prompts-get-embedded-resource': NO_PROMPTS,
  'prompts-get-with-image': NO_PROMPTS,
};

describe('the conformance suite of the Model Context Protocol', () => {
  // The suite may write results to its folder.
  const cwd = mkdtempSync(join(tmpdir(), 'ogong-conformance-'));
  let server: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const argv = ['--disable-warning=ExperimentalWarning', program, '--http', '0'];
    server = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: server.stdout as NodeJS.ReadableStream }), 'line');
    url = parseReadyLine(line)?.url as string;
  });
  afterAll(async () => {
    const exited = once(server, 'exit');
    server.kill();
    await exited;
    rmSync(cwd, { recursive: true, force: true });
  });

  it.each(APPLIED)('passes %s', async (scenario) => {
    const { stdout } = await run(process.execPath, [suite, 'server', '--url', url, '--scenario', scenario], { cwd });
    expect(stdout).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/);
  });

  it('has no further scenario for servers', async () => {
    const { stdout } = await run(process.execPath, [suite, 'list', '--server'], { cwd });
    const listed = [...stdout.matchAll(/^ {2}- (\S+)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...APPLIED, ...Object.keys(NOT_APPLIED)].sort());
  });
});
