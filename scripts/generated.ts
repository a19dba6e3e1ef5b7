// Writes what is generated from a source of truth (wire messages from the .proto files), or with --check verifies that
// the committed files are what their sources give.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './steps.ts';

const check = process.argv.includes('--check');
const platform = { linux: 'linux', darwin: 'darwin', win32: 'win32' }[process.platform as string];
const arch = process.arch === 'arm64' && process.platform === 'linux' ? 'aarch64' : process.arch;
const buf = join(
  root,
  'node_modules/@bufbuild',
  `buf-${platform}-${arch}`,
  'bin',
  process.platform === 'win32' ? 'buf.exe' : 'buf',
);
const target = 'packages/protocol/src/generated/ogong/v1/ogong_pb.ts';

const out = check ? mkdtempSync(join(tmpdir(), 'ogong-generated-')) : root;
try {
  execFileSync(buf, ['generate', '-o', out], { cwd: root, stdio: 'inherit' });
  if (check && readFileSync(join(out, target), 'utf8') !== readFileSync(join(root, target), 'utf8')) {
    console.error(`${target} is stale: run \`npm run check -- --fix\` or \`node scripts/generated.ts\``);
    process.exitCode = 1;
  }
} finally {
  if (check) rmSync(out, { recursive: true, force: true });
}
if (!process.exitCode) console.log('generated: wire messages are up to date');
