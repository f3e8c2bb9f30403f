// SPDX-License-Identifier: Apache-2.0

package main

// words are the translations. HelloCloud's interface is Portuguese or English,
// as its user wishes, so the items to choose have both names; the Portuguese
// one of the password client really says "new client password".
var words = map[string]map[string]string{
	"pt-BR": {
		"Instance URL": "URL da instância",
		"The address of your HelloCloud. If it is in a folder, such as /legacy, include the folder.": "O endereço do seu HelloCloud. Se ele estiver em uma pasta, como /legacy, inclua a pasta.",

		"HelloCloud version":                   "Versão do HelloCloud",
		"Decides which grant types there are.": "Determina quais tipos de concessão estão disponíveis.",

		"Grant type":         "Tipo de concessão",
		"Client credentials": "Credenciais do cliente",
		"For a machine or a service. In Admin > OAuth2 Clients and Tokens, choose New Client Credentials Client; it needs an Associated User.": "Para uma máquina ou um serviço. No painel de administração, em “Clientes e Tokens OAuth2”, escolha “Novo cliente de credenciais de cliente” (New Client Credentials Client); ele precisa de um “Usuário associado”.",
		"Password": "Senha",
		"For a user. In Admin > OAuth2 Clients and Tokens, choose New Password Client.": "Para um usuário. No painel de administração, em “Clientes e Tokens OAuth2”, escolha “Nova senha de cliente” (New Password Client).",

		"Client ID": "ID do cliente",
		"The ID that HelloCloud makes for the client, visible once it is saved; not its name.": "O ID que o HelloCloud cria para o cliente, visível assim que o cliente é salvo; não é o nome dele.",

		"Client secret": "Segredo do cliente",
		"What was entered in Change secret. HelloCloud keeps a hash of it, so it cannot be read again after saving.": "O valor informado em “Alterar segredo”. O HelloCloud guarda apenas um hash dele; por isso, não é possível consultá-lo depois de salvar.",

		"Username": "Nome de usuário",
		"The name with which the user signs in to HelloCloud.": "O nome com que o usuário entra no HelloCloud.",
		"That user's password.":                                "A senha desse usuário.",

		"HelloCloud does not take the client ID and secret: check both; the ID is not the name, and the client must be one for this grant type": "o HelloCloud não aceita o ID e o segredo do cliente: verifique os dois; o ID não é o nome, e o cliente deve ser adequado a este tipo de concessão",
		"HelloCloud does not take the username and password: check both":                                                                        "o HelloCloud não aceita o nome de usuário e a senha: verifique os dois",
		"the client has no associated user, or is one for another grant type: check it in OAuth2 Clients and Tokens":                            "o cliente não tem usuário associado ou é de outro tipo de concessão: verifique-o em “Clientes e Tokens OAuth2”",
		"is not one that this HelloCloud offers: choose another":                                                                                "não está disponível neste HelloCloud: escolha outro",
		"is not where HelloCloud answers: check the address and its folder, and that the web server rewrites /Api":                              "não é o endereço em que o HelloCloud responde: verifique o endereço e a pasta, e se o servidor web reescreve /Api",
		"is not a URL": "não é uma URL válida",
		"the HelloCloud API does not take the token; if it never has, the web server may drop the Authorization header (Admin > Repair > Rebuild .htaccess)": "a API do HelloCloud não aceita o token; se nunca aceitou, o servidor web pode estar descartando o cabeçalho Authorization (no painel de administração: Repair > Rebuild .htaccess)",
	},
}
