import { toJsonSchema } from '@valibot/to-json-schema'
import type { GenericSchema } from 'valibot'
import { SettingsFile } from '../adapters/fleet/settings.ts'
import { NODE_GRAPH } from '../core/protocol/repertoire.ts'
import { WorkflowDefinition } from '../workflows/definition.ts'

/** A JSON Schema, as a file holds it. */
type JsonSchema = ReturnType<typeof toJsonSchema>

/** The JSON Schemas that the package brings, by the names of their files: made of what judges the same at run time. */
export function drawSchemas(): Readonly<Record<string, object>> {
  const { $schema, ...graph } = schemaOf(WorkflowDefinition)
  return {
    'settings.schema.json': { title: 'Settings of the CasareRPA Orchestrator', ...schemaOf(SettingsFile) },
    'workflow.schema.json': {
      $schema,
      title: 'A workflow of CasareRPA, or a definition with a format of its own',
      anyOf: [
        graph,
        {
          type: 'object',
          required: ['format'],
          properties: { format: { type: 'string', minLength: 1, not: { const: NODE_GRAPH } } },
        },
      ],
    },
  }
}

/**
 * Rules that JSON Schema cannot express are left out: only the orchestrator checks them. Of several schemas in a pipe
 * the last says most, and without conversions the output has the type of the input.
 */
function schemaOf(schema: GenericSchema): JsonSchema {
  return toJsonSchema(schema, {
    typeMode: 'output',
    errorMode: 'ignore',
    target: 'draft-07',
    // Every schema with a custom check is an object with arbitrary keys.
    overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'custom' ? { type: 'object' } : null),
  })
}
