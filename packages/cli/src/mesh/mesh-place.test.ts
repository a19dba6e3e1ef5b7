import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeMeshState } from '@ogong/devnet/mesh/mesh-state';
import { identifyProcess, type ProcessIdentity } from '@ogong/devnet/mesh/process-identity';
import { afterAll, expect, it } from 'vitest';
import { findGatewayUrl } from './gateway-place.ts';
import { findMeshDirectory, newMeshDirField, rememberMesh } from './mesh-place.ts';

const home = mkdtempSync(join(tmpdir(), 'ogong-places-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const places = join(home, 'meshes.json');
const launcher = identifyProcess(process.pid) as ProcessIdentity;

function meshAt(name: string, changes: { readonly launcher?: ProcessIdentity; readonly phase?: 'starting' } = {}) {
  const directory = join(home, name);
  writeMeshState(directory, {
    ...{ launcher, phase: 'ready', message: 'ready', model: 'm', processes: [] },
    ...{ gatewayUrl: 'http://127.0.0.1:21546', rpcUrl: 'http://127.0.0.1:21545' },
    ...{ deploymentFile: 'deployment.json', trustFile: 'trust.json', ...changes },
  });
  return directory;
}

const ended = { launcher: { pid: process.pid, startedAt: 'earlier' } };

it('finds the newest mesh that runs, and none that has stopped', () => {
  expect(findMeshDirectory(undefined, places)).toBe(newMeshDirField.default);
  const [first, second, stopped] = [meshAt('first'), meshAt('second'), meshAt('stopped', ended)];
  for (const directory of [first, second, stopped, join(home, 'never')]) rememberMesh(directory, places);
  expect(findMeshDirectory(undefined, places)).toBe(second);
  rememberMesh(first, places);
  expect(findMeshDirectory(undefined, places)).toBe(first);
  meshAt('first', ended);
  expect(findMeshDirectory(undefined, places)).toBe(second);
  meshAt('second', ended);
  expect(findMeshDirectory(undefined, places)).toBe(newMeshDirField.default);
});

it('takes the given directory, whatever runs elsewhere', () => {
  rememberMesh(meshAt('runs'), places);
  expect(findMeshDirectory('relative', places)).toBe(resolve('relative'));
});

it('passes over files that it cannot read', () => {
  const good = meshAt('good');
  const damaged = meshAt('damaged');
  for (const directory of [good, damaged]) rememberMesh(directory, places);
  writeFileSync(join(damaged, 'mesh.json'), '{');
  expect(findMeshDirectory(undefined, places)).toBe(good);
  for (const text of ['{', '{"a":1}', '[1]']) {
    writeFileSync(places, text);
    expect(findMeshDirectory(undefined, places)).toBe(newMeshDirField.default);
  }
});

it.each([
  ['the named gateway', { gateway: 'host:1', meshDir: meshAt('ready') }, 'http://host:1'],
  ['the named URL', { gateway: 'https://host', meshDir: undefined }, 'https://host'],
  ["the mesh's gateway", { gateway: undefined, meshDir: meshAt('ready') }, 'http://127.0.0.1:21546'],
  [
    'the default port beside a stopped mesh',
    { gateway: undefined, meshDir: meshAt('gone', ended) },
    'http://127.0.0.1:4546',
  ],
  [
    'the default port beside a mesh that starts',
    { gateway: undefined, meshDir: meshAt('starts', { phase: 'starting' }) },
    'http://127.0.0.1:4546',
  ],
] as const)('asks %s', (_what, given, url) => {
  expect(findGatewayUrl(given)).toBe(url);
});
