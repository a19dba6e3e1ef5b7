import { findRunningMesh } from '@ogong/devnet/mesh/mesh-control';
import { ConfigError } from '@ogong/host/config/config-error';
import { define } from '@ogong/host/config/values';
import { findMeshDirectory, meshDirField } from '../mesh/mesh-place.ts';

/** A daemon whose metrics can be read. */
export interface WatchedDaemon {
  readonly name: string;
  /** Such as http://127.0.0.1:9464; undefined if the daemon does not run. */
  readonly url: string | undefined;
  /** Of a mesh on this machine. */
  readonly logFile?: string;
}

/** `name=host:port`, `host:port`, or a URL instead of the address. */
const namedAddress = define('[name=]host:port or [name=]http://host:port', '<addr>', (given) => {
  const [, name, place = given] = /^([\w.-]{1,40})=(.+)$/.exec(given) ?? [];
  const url = URL.parse(/^https?:\/\//.test(place) ? place : `http://${place}`);
  if (!url || url.hostname === '' || url.pathname !== '/' || url.search !== '') return undefined;
  return { name: name ?? url.host, url: url.origin };
});

export const watchFields = {
  at: {
    schema: namedAddress,
    label: '<addr>',
    repeatable: true,
    description:
      "address of a daemon's metrics (--metrics-bind); may be repeated; the mesh of this machine if not given",
  },
  meshDir: meshDirField,
} as const;

/** Returns the named daemons, or those of the local mesh. @throws ConfigError if there is neither. */
export function findDaemons(
  program: string,
  {
    at,
    meshDir,
  }: { readonly at: readonly { readonly name: string; readonly url: string }[]; readonly meshDir: string | undefined },
): readonly WatchedDaemon[] {
  if (at.length > 0) return at;
  const mesh = findRunningMesh(findMeshDirectory(meshDir));
  if (mesh === undefined) throw new ConfigError(program, ['no mesh runs here: name daemons with --at']);
  return mesh.processes
    .filter(({ role }) => role !== 'chain')
    .map(({ name, metrics, logFile }) => ({
      name,
      logFile,
      url: metrics === undefined ? undefined : `http://${metrics}`,
    }));
}

const TIMEOUT_MS = 3_000;
/** A daemon's metrics take some 30 KB. */
const MOST_CHARACTERS = 4_000_000;

/** @throws if the daemon does not answer. */
export async function readFrom({ url }: WatchedDaemon, path: string): Promise<string> {
  if (url === undefined) throw new Error('it does not run');
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  const text = await response.text();
  if (!response.ok) throw new Error(`it answers with status ${response.status}`);
  if (text.length > MOST_CHARACTERS) throw new Error('it answers with too much text');
  return text;
}
