import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../core/base/json.ts'
import { definitionIn } from '../../../workflows/shape.ts'

const found = (json: string) => definitionIn(json, JSON.parse(json) as JsonObject)
const GRAPH = '{ "nodes": {"n": {"node_type": "LogNode", "config": {"id": 12345678901234567890, "x": 1.50}}} }'

describe('a definition', () => {
  test.each<[string, string]>([
    ['with nodes', GRAPH],
    ['that says that it is a workflow', '{"format":"workflow","nodes":{}}'],
    ['of another format', '{"format":"custom"}'],
    ['of another format, whatever it calls nodes', '{"format":"custom","nodes":[1],"workflow":{}}'],
  ])('%s is taken as it is', (_, json) => {
    expect(found(json)).toEqual({ json })
  })

  test.each<[string, string]>([
    ['a scenario', `{"$schema_version":"1","id":"scen_1","name":"}","workflow" : ${GRAPH} ,"variable_values":{}}`],
    ['a template', `{"id":"t","metadata":{"workflow":{}},"parameters":[],"workflow_definition":${GRAPH}}`],
    ['an answer of ours', JSON.stringify({ id: 'w', name: 'W', json_definition: GRAPH })],
    ['a job of ours', JSON.stringify({ id: 'j', parameters: {}, workflow_json: GRAPH })],
    ['the message of another orchestrator', `{"workflow_data":${GRAPH}}`],
    ['one wrapper in another', `{"workflow":{"definition":${GRAPH}}}`],
    ['a name that is written with escapes', `{"w\\u006frkflow":${GRAPH},"x":["workflow",{"workflow":1}]}`],
    ['the last of two with one name', `{"workflow":{"format":"first"},"workflow":${GRAPH}}`],
    ['a definition of a format of its own', `{"workflow":{"format":"custom"}}`],
  ])('is taken out of %s, to the letter', (_, json) => {
    expect(found(json)).toEqual({ json: json.includes('custom') ? '{"format":"custom"}' : GRAPH })
  })

  test.each<[string, string, RegExp]>([
    ['nothing', '{}', /^has neither nodes nor a format: .*"format": "custom"/],
    ['what has other members', '{"metadata":{},"steps":[]}', /^has neither nodes nor a format/],
    [
      'a list of nodes',
      '{"nodes":[{"id":"a","type":"LogNode"}],"connections":[]}',
      /^nodes must be an object whose keys/,
    ],
    ['nodes that are a text', '{"nodes":"all"}', /^nodes must be an object/],
    ['a workflow without nodes', '{"format":"workflow"}', /^nodes must be an object/],
    ['a format that is no text', '{"format":{}}', /^format must be a text/],
    ['an empty format', '{"format":""}', /^format must be a text/],
    ['a wrapper with a list of nodes', '{"workflow":{"nodes":[]}}', /^in "workflow" nodes must be an object/],
    ['a wrapper around nothing', '{"workflow":{}}', /^in "workflow" has neither/],
    ['a wrapper around a text', '{"workflow":"greeting"}', /^is not a JSON object in "workflow"/],
    ['a wrapper around a list', '{"workflow":[]}', /^is not a JSON object in "workflow"/],
    [
      'a scenario with values',
      `{"workflow":${GRAPH},"variable_values":{"a":1}}`,
      /variable_values beside it would be lost/,
    ],
    [
      'a template with parameters',
      `{"workflow_definition":${GRAPH},"parameters":[{}]}`,
      /^is in "workflow_definition", and p/,
    ],
    ['wrappers without end', '{"workflow":{"workflow":{"workflow":{"workflow":{"workflow":{}}}}}}', /has neither/],
  ])('is not %s', (_, json, problem) => {
    const result = found(json)
    expect('problem' in result ? result.problem : '').toMatch(problem)
  })
})
