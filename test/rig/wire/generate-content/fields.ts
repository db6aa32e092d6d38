/** Known members of each object, camelCase only (protocol.md §1.4). Any other name is refused. */
const words = (line: string): ReadonlySet<string> => new Set(line.trim().split(/\s+/))

export const topLevel = words(`
  contents systemInstruction tools toolConfig safetySettings cachedContent labels serviceTier continuationToken
  generationConfig store modelArmorConfig outputConfig model`)

export const generationConfig = words(`
  temperature topP topK candidateCount maxOutputTokens stopSequences responseLogprobs logprobs presencePenalty
  frequencyPenalty seed responseMimeType responseSchema responseJsonSchema responseModalities mediaResolution
  speechConfig thinkingConfig imageConfig audioTimestamp routingConfig modelConfig audioTranscriptionConfig
  enableEnhancedCivicAnswers`)

export const thinkingConfig = words('includeThoughts thinkingBudget thinkingLevel')

export const content = words('role parts')

export const partData = words(`
  text inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse`)

export const partModifiers = words(
  'thought thoughtSignature videoMetadata mediaResolution mediaProcessing partMetadata',
)

export const tool = words(`
  functionDeclarations googleSearch urlContext codeExecution googleMaps fileSearch computerUse mcpServers retrieval
  enterpriseWebSearch`)

export const declaration = words(`
  name description parameters parametersJsonSchema response responseJsonSchema behavior`)

export const functionCallingConfig = words('mode allowedFunctionNames streamFunctionCallArguments')

/** The OpenAPI subset of `parameters` and `responseSchema` (protocol.md §2.6). */
export const openApiSchema = words(`
  type format title description nullable enum items minItems maxItems minLength maxLength pattern minProperties
  maxProperties minimum maximum properties required propertyOrdering anyOf default example`)

/** What `parametersJsonSchema` and `responseJsonSchema` support. */
export const jsonSchema = words(`
  $id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems minimum maximum anyOf
  oneOf properties additionalProperties required propertyOrdering`)
