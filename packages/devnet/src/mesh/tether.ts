// Preloaded into every daemon of a mesh: when the launcher is gone, however it ended, the daemon stops too.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
