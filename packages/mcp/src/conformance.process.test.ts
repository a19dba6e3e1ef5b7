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
import { createMcpHttp } from './mcp-http.ts';
import { createSuiteServer } from './suite-server-fixture.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const suite = require.resolve('@modelcontextprotocol/conformance/dist/index.js');
const program = findProgram(new URL('./bin/ogong-mcp.ts', import.meta.url));

const APPLIED = [
  ...['server-initialize', 'ping', 'tools-list'],
  ...['server-sse-multiple-streams', 'dns-rebinding-protection'],
];

/** Scenarios over the same HTTP layer with tools of the suite: an error, messages of the server during a call, and questions to the client. */
const LAYER = [
  'tools-call-error',
  ...['logging-set-level', 'tools-call-with-logging', 'tools-call-with-progress'],
  ...['tools-call-sampling', 'tools-call-elicitation'],
];

const FIXTURE = 'it calls a tool of the test server of the suite';
const NO_PROMPTS = 'the server has no prompts';
const NO_RESOURCES = 'the server has no resources';

/** Scenarios of other features, which the server does not declare. */
const NOT_APPLIED: Readonly<Record<string, string>> = {
  'completion-complete': 'no prompt and no resource has an argument to complete',
  'tools-call-simple-text': FIXTURE,
  'tools-call-image': FIXTURE,
  'tools-call-audio': FIXTURE,
  'tools-call-embedded-resource': FIXTURE,
  'tools-call-mixed-content': FIXTURE,
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
  const layer = createMcpHttp({ port: 0, key: undefined }, createSuiteServer);
  beforeAll(async () => {
    const argv = ['--disable-warning=ExperimentalWarning', program, '--http', '0'];
    server = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: server.stdout as NodeJS.ReadableStream }), 'line');
    url = parseReadyLine(line)?.url as string;
    await layer.start();
  });
  afterAll(async () => {
    const exited = once(server, 'exit');
    server.kill();
    await exited;
    await layer.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  async function pass(scenario: string, address: string): Promise<void> {
    const argv = [suite, 'server', '--url', address, '--scenario', scenario];
    const { stdout } = await run(process.execPath, argv, { cwd });
    expect(stdout).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/);
  }

  it.each(APPLIED)('passes %s', (scenario) => pass(scenario, url));

  it.each(LAYER)('passes %s with tools of the suite', (scenario) =>
    pass(scenario, `http://127.0.0.1:${layer.address().port}/mcp`),
  );

  it('has no further scenario for servers', async () => {
    const { stdout } = await run(process.execPath, [suite, 'list', '--server'], { cwd });
    const listed = [...stdout.matchAll(/^ {2}- (\S+)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...APPLIED, ...LAYER, ...Object.keys(NOT_APPLIED)].sort());
  });
});
