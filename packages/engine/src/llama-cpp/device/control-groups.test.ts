import { expect, it } from 'vitest';
import { readGroupRoom } from './control-groups.ts';

const room = (files: Readonly<Record<string, string>>) => readGroupRoom((path) => files[path]);
const UNIFIED = '/sys/fs/cgroup';
const FIRST = '/sys/fs/cgroup/memory';

it('is without a limit where no group has one', () => {
  expect(room({})).toBeUndefined();
  expect(room({ '/proc/self/cgroup': '0::/a\n', [`${UNIFIED}/a/memory.max`]: 'max\n' })).toBeUndefined();
  const none = { [`${FIRST}/memory.limit_in_bytes`]: '9223372036854771712\n' };
  expect(
    room({ '/proc/self/cgroup': '4:memory:/\n', ...none, [`${FIRST}/memory.usage_in_bytes`]: '5' }),
  ).toBeUndefined();
});

it('counts the least of a group and those above it, and pages of files as free', () => {
  const files = {
    '/proc/self/cgroup': '0::/user.slice/run.scope\n',
    [`${UNIFIED}/user.slice/memory.max`]: '1000\n',
    [`${UNIFIED}/user.slice/memory.current`]: '700\n',
    [`${UNIFIED}/user.slice/run.scope/memory.max`]: '600\n',
    [`${UNIFIED}/user.slice/run.scope/memory.current`]: '500\n',
  };
  expect(room(files)).toBe(100);
  const stat = { [`${UNIFIED}/user.slice/run.scope/memory.stat`]: 'anon 200\nfile 300\n' };
  expect(room({ ...files, ...stat })).toBe(300);
});

it('counts files that lie in memory alone as used', () => {
  const unified = { [`${UNIFIED}/memory.max`]: '1000', [`${UNIFIED}/memory.current`]: '700' };
  expect(room({ ...unified, [`${UNIFIED}/memory.stat`]: 'anon 200\nfile 500\nshmem 400\n' })).toBe(400);
  const first = { [`${FIRST}/memory.limit_in_bytes`]: '1000', [`${FIRST}/memory.usage_in_bytes`]: '700' };
  expect(room({ ...first, [`${FIRST}/memory.stat`]: 'shmem 1\ntotal_cache 500\ntotal_shmem 450\n' })).toBe(350);
});

it('reads groups of the first version', () => {
  const files = {
    '/proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/job/x\n0::/\n',
    [`${FIRST}/job/x/memory.limit_in_bytes`]: '4096\n',
    [`${FIRST}/job/x/memory.usage_in_bytes`]: '2000\n',
    [`${FIRST}/job/x/memory.stat`]: 'cache 1\ntotal_cache 1000\n',
  };
  expect(room(files)).toBe(3096);
});

it('reads the group at the mount of a container, whose path is another', () => {
  const files = { [`${UNIFIED}/memory.max`]: '50', [`${UNIFIED}/memory.current`]: '20' };
  expect(room({ '/proc/self/cgroup': '0::/docker/abc\n', ...files })).toBe(30);
});
