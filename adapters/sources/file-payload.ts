import type { FileEventType } from '../../core/trigger-types/file-watch.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { withForwardSlashes } from '../../core/base/path-patterns.ts'

/** A change of a file, observed here or reported by a robot. */
export interface FileChange {
  readonly type: FileEventType
  readonly path: string
  /** ISO 8601. */
  readonly at: string
  readonly source: string | null
  readonly size: number | null
}

/** The payload of a `file_watch` trigger. Paths of Windows and of other systems are understood on any system. */
export function filePayload({ type, path, at, source, size }: FileChange): JsonObject {
  const cut = withForwardSlashes(path).lastIndexOf('/')
  return {
    file_path: path,
    file_name: path.slice(cut + 1),
    // For a file in the root folder, the folder is the root.
    file_dir: cut === 0 ? path.slice(0, 1) : path.slice(0, Math.max(cut, 0)),
    event_type: type,
    timestamp: at,
    ...(size === null ? {} : { size }),
    ...(source === null ? {} : { src_path: source }),
  }
}
