const LINE_EVERY_MS = 10_000;

/**
 * Shows one piece of work on stderr: what it is, how long it has taken and what it reports, rewritten in place on a
 * terminal and as a line every ten seconds elsewhere. Work that ends within `quietMs` leaves no trace.
 *
 * @template T
 * @param {string} title
 * @param {(report: (detail: string) => void) => Promise<T>} work
 * @param {{ quietMs?: number, stream?: NodeJS.WriteStream }} [options]
 * @returns {Promise<T>}
 */
export async function showProgress(title, work, { quietMs = 0, stream = process.stderr } = {}) {
  const started = Date.now();
  const terminal = Boolean(stream.isTTY);
  let detail = '';
  let lastLine = started;
  const text = () => `${title}${detail && ` – ${detail}`} (${seconds(Date.now() - started)})`;
  if (!terminal && quietMs === 0) stream.write(`${title} …\n`);
  const tick = () => {
    if (terminal) stream.write(`\r\x1b[K${text().slice(0, (stream.columns ?? 80) - 1)}`);
    else if (Date.now() - lastLine >= LINE_EVERY_MS) {
      lastLine = Date.now();
      stream.write(`${text()}\n`);
    }
  };
  const timer = setInterval(tick, terminal ? 200 : 500);
  try {
    const result = await work((now) => {
      detail = now;
    });
    detail = '';
    const took = Date.now() - started;
    if (terminal) stream.write('\r\x1b[K');
    if (took >= quietMs) stream.write(`✓ ${title} (${seconds(took)})\n`);
    return result;
  } catch (error) {
    if (terminal) stream.write('\r\x1b[K');
    stream.write(`✗ ${title} (${seconds(Date.now() - started)})\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** @param {number} milliseconds */
export function seconds(milliseconds) {
  const whole = Math.round(milliseconds / 1000);
  return whole < 60
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
