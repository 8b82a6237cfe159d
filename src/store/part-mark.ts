/**
 * What a part file with gaps tells of itself: behind the place of its last byte stands how many bytes from the start
 * count. So a crash leaves either a file without gaps or one that says where they begin, whatever became of the index.
 */

const PATTERN = /^portcache part: (\d{15}) of (\d{15})\n$/;

export const MARK_BYTES = 51;

/** To be written at byte `total`. */
export function formatMark(front: number, total: number): string {
  const digits = (count: number) => String(count).padStart(15, "0");
  return `portcache part: ${digits(front)} of ${digits(total)}\n`;
}

/**
 * The bytes that count, or undefined where the file bears no mark and all do.
 * @param end the last MARK_BYTES of the file
 * @param length of the whole file, mark and all
 */
export function frontBy(end: string, length: number): number | undefined {
  const match = PATTERN.exec(end);
  const [front, total] = [Number(match?.[1]), Number(match?.[2])];
  return front <= total && total === length - MARK_BYTES ? front : undefined;
}
