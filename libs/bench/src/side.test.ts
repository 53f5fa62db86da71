import { describe, expect, it } from 'vitest';
import { BenchError } from './bench.js';
import { Side } from './side.js';

const READY =
  '{"kind":"ready","loadSeconds":0,"firstSeconds":0,"unitSeconds":1,"baselineBytes":0,"threads":1,"versions":{}}';

/** A side written in a line of JavaScript, with `say` for its answers. */
function side(program: string): Promise<Side> {
  const prelude = `
    const say = (line) => require('node:fs').writeSync(3, line + '\\n');
    const onRequest = (handle) =>
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => handle(JSON.parse(line)));
  `;
  return Side.start({ name: 'peer', command: process.execPath, args: ['-e', prelude + program] });
}

describe('a side of a comparison', () => {
  it('answers rounds and its end, whatever its libraries print', async () => {
    const peer = await side(`
      console.log('{"kind":"failed","message":"printed, not answered"}');
      console.error('a warning');
      say('${READY}');
      onRequest(({ kind, units }) => say(JSON.stringify(
        kind === 'end' ? { kind, peakBytes: 7 } : { kind, seconds: units / 2 })));
    `);
    expect(peer.ready.unitSeconds).toBe(1);
    expect(await peer.round(3)).toMatchObject({ seconds: 1.5 });
    expect(await peer.end()).toMatchObject({ peakBytes: 7 });
  });

  it('says with its own words why it cannot run', async () => {
    const failing = side(`say('{"kind":"failed","message":"no room"}'); setInterval(() => {}, 1000);`);
    await expect(failing).rejects.toThrow(new BenchError('peer: no room'));
  });

  it('shows what was printed before it died', async () => {
    const dying = side(`console.error('Segmentation fault'); process.exitCode = 3;`);
    await expect(dying).rejects.toThrow(/peer: ended early \(exit code 3\)\n {2}Segmentation fault/);
  });

  it('is no peer where its program does not exist', async () => {
    const missing = Side.start({ name: 'peer', command: '/nowhere/python', args: [] });
    await expect(missing).rejects.toThrow(/peer: .*\/nowhere\/python/);
  });

  it('notices that it died in the middle of a round', async () => {
    const peer = await side(`say('${READY}'); onRequest(() => process.kill(process.pid, 'SIGKILL'));`);
    await expect(peer.round(1)).rejects.toThrow(/peer: ended early \(SIGKILL\)/);
  });
});
